-- Two commands on their way: the leader appends while it sends, a majority commits, the next message
-- tells the followers.
scenario{
  name   = "replication_and_commit",
  doc    = "A leader replicates two commands, one after the other, and commits them.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    local client = c:client()
    log("two commands")
    expect.ok(client:put("x", 1))
    expect.ok(client:put("y", 2))
    sleep_ms(5)
    expect.eq(c[3].applied_index, 3)
  end,
}
