-- n1 hands over to n3, which lacks an entry: n1 refuses commands, sends n3 what it lacks, and then tells
-- it to campaign at once. n2 votes although it hears a leader, since the request says why.
scenario{
  name   = "transfer_to_a_follower",
  doc    = "Leadership goes to a follower when that has the whole log.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("n3 does not get a command")
    c:drop{ from = 1, to = 3, type = "append_req", times = 1 }
    local client = c:client()
    expect.ok(client:put("x", 1))
    log("n1 hands over to n3")
    expect.ok(c[1]:transfer(3))
    expect.eq(client:put("x", 2, { timeout_ms = 5 }), nil, "proposals are refused meanwhile")
    c:wait_leader{ other_than = 1 }
    sleep_ms(10)
    expect.eq(c:leader().id, 3)
    expect.ok(c[3].term == 2)
  end,
}
