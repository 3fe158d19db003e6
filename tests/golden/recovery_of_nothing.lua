-- Everything on n3's disk is gone, the marker of the store too: n3 is not a new node, and does not start.
scenario{
  name   = "recovery_of_nothing",
  doc    = "A store that lost all its data is not taken for a fresh one.",
  seeds  = {1},
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140, batch_entries = 1 }
    c[1]:campaign()
    c:wait_leader()
    local client = c:client()
    for i = 1, 1 do expect.ok(client:put("k", i)) end
    sleep_ms(20)
    c[3]:crash()
    c[3].disk:wipe()
    c[3]:restart()
    expect.ok(not c[3].up)
  end,
}
