-- n3 joins n1 and n2: it gets the log first, then the joint configuration is committed by a majority
-- of both sides, then the final one. n3 had no configuration before.
scenario{
  name   = "node_joins_by_a_joint_configuration",
  doc    = "A node is caught up, and joins through a joint configuration.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 2, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("n3 is to join")
    expect.ok(c:add())
    sleep_ms(10)
    expect.eq(c[3].member, "voter")
  end,
}
