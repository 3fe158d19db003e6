-- What n3 lacks is gone from the leader's log: it gets a snapshot, piece by piece. Each answer says
-- where the next piece begins; the second of four is lost, and with a later heartbeat it goes on there.
scenario{
  name   = "snapshot_in_pieces",
  doc    = "A snapshot comes in pieces, one of which is lost and sent again.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140,
                       snapshot_every = 0, snapshot_trailing = 0, snapshot_bytes = 60 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("n3 is cut off; n1 takes a snapshot")
    local cut = c:isolate(3)
    expect.ok(c:client():put("k", 1, { padding_bytes = 40 }))
    c[1]:snapshot()
    sleep_ms(50)
    log("n1: log from %d; n3 is back, and the second piece is lost", c[1].first_index)
    cut:heal()
    c:drop{ from = 1, to = 3, nth = 3 } -- a heartbeat and the first piece go before it
    sleep_ms(360)
    log("n3: snapshot %d, log from %d, applied %d", c[3].snapshot_index, c[3].first_index, c[3].applied_index)
    expect.eq(c[3].snapshot_index, 2)
    expect.eq(c[3].applied_index, 2)
  end,
}
