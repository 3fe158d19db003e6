-- n1 hands over to n3, which is dead. After the shortest election timeout n1 gives up with its next
-- heartbeat, and takes commands again. It leads the whole time.
scenario{
  name   = "transfer_is_given_up",
  doc    = "A transfer to a node that does not answer ends, and commands are taken again.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("n3 dies; n1 hands over to it")
    c[3]:crash()
    expect.ok(c:client():put("x", 1))
    expect.ok(c[1]:transfer(3))
    expect.eq(c:client():put("x", 2, { timeout_ms = 10 }), nil, "proposals are refused meanwhile")
    sleep_ms(300)
    log("a command")
    expect.ok(c:client():put("x", 3))
    expect.eq(c:leader().id, 1)
    expect.eq(c[1].term, 1)
  end,
}
