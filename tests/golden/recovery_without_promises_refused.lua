-- The same without the option quarantine: n3 does not start.
scenario{
  name   = "recovery_without_promises_refused",
  doc    = "Without the option, a node without its promises does not start.",
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
    log("both copies of the hard state rot")
    c[3].disk:bitrot{ file = "hard-state", offset = 9 }
    c[3].disk:bitrot{ file = "hard-state", offset = 4096 + 9 }
    c[3]:restart()
    expect.ok(not c[3].up)
  end,
}
