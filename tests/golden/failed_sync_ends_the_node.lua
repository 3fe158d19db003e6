-- The sync of an entry fails on the leader. Nobody knows now what is on its disk: it acknowledges
-- nothing more, sends nothing, and stops.
scenario{
  name   = "failed_sync_ends_the_node",
  doc    = "A leader whose log cannot be synced stops, and its request is lost to it.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("the next sync of n1's log fails")
    fault.at("segment.append.sync"):on(1):times(1):errno("EIO")
    spawn(function() c:client{ timeout_ms = 30 }:put("x", 1) end)
    sleep_ms(40)
    expect.eq(c[1].state, "failed")
  end,
}
