-- n1 appends the joint configuration that removes n3, and goes by it at once. Nobody else gets it; n2
-- leads meanwhile and commits at its index. The entry is cut, and n1 goes by the one before again.
scenario{
  name   = "truncated_configuration",
  doc    = "A configuration that is overwritten is not in force any more.",
  finish = "as_is",
  run = function()
    -- No node campaigns by itself.
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, prevote = false, check_quorum = false, election_min_ms = 20000,
                       election_max_ms = 30000, heartbeat_ms = 1000 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(10)
    log("n1 is cut off, and is asked to remove n3")
    c:isolate(1)
    local change = spawn(function() c:remove(3, { within_ms = 1 }) end)
    sleep_ms(5)
    log("n1 goes by the configuration of %d", c[1].configuration_index)
    expect.ok(c[1].is_joint)
    log("n2 campaigns")
    c[2]:campaign()
    c:wait_leader{ other_than = 1 }
    sleep_ms(10)
    log("healed")
    c:heal()
    expect.ok(c:client():put("x", 1))
    sleep_ms(10)
    log("n1 goes by the configuration of %d", c[1].configuration_index)
    expect.eq(c[1].configuration_index, 0)
    expect.eq(c[1].commit_index, c[2].commit_index)
    change:join()
  end,
}
