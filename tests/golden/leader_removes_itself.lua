-- n1 commits its own removal: the joint configuration, then the final one, for which it does not count
-- itself. Then it steps down and asks whoever has the whole log to lead.
scenario{
  name   = "leader_removes_itself",
  doc    = "A leader commits the configuration without it, and hands over.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("n1 is to go")
    expect.ok(c:remove(1))
    c:wait_leader()
    sleep_ms(10)
    expect.eq(c[1].member, "none")
  end,
}
