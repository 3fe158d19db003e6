-- n3 is read-only: it says so in its answers, and the leader sends it heartbeats but no commands. A
-- majority commits without it.
scenario{
  name   = "read_only_follower",
  doc    = "A read-only follower is sent no commands until it takes them again.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    local client = c:client()
    log("n3 is read-only")
    c[3]:set_readonly(true)
    expect.ok(client:put("x", 1))
    sleep_ms(5)
    log("n3: last %d, committed %d", c[3].last_index, c[3].commit_index)
    expect.ok(client:put("x", 2))
    sleep_ms(5)
    log("n3: last %d, committed %d", c[3].last_index, c[3].commit_index)
    expect.eq(c[3].last_index, 1)
    log("n3 takes commands again")
    c[3]:set_readonly(false)
    sleep_ms(80)
    log("n3: last %d, committed %d", c[3].last_index, c[3].commit_index)
    expect.eq(c[3].commit_index, 3)
  end,
}
