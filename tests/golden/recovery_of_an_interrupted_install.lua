-- n3 is sent a snapshot, publishes it and dies before its log is emptied. The log ends before the
-- snapshot's last entry: it is emptied at the start, and begins behind the snapshot.
scenario{
  name   = "recovery_of_an_interrupted_install",
  doc    = "A published snapshot replaces a log that ends before it.",
  seeds  = {1},
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140, batch_entries = 1, snapshot_every = 2, snapshot_trailing = 0, segment_bytes = 200 }
    c[1]:campaign()
    c:wait_leader()
    local client = c:client()
    for i = 1, 1 do expect.ok(client:put("k", i)) end
    sleep_ms(20)
    c[3]:crash()
    for i = 2, 3 do expect.ok(client:put("k", i)) end
    sleep_ms(20)
    local point = fault.at("snapshot.publish.sync_dir"):on(3):times(1):crash("after")
    log("n3 starts")
    c[3]:restart()
    expect.eventually("n3 is down", { within_ms = 400, poll_ms = 10 }, function() return not c[3].up end)
    log("n3 starts")
    c[3]:restart()
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
    sleep_ms(120)
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
  end,
}
