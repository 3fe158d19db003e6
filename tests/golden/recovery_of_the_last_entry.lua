-- The payload of n3's very last entry has rotted. Its identity in the other file was written when the
-- record was durable, so that this is no torn tail: the entry was acknowledged, and is not cut.
scenario{
  name   = "recovery_of_the_last_entry",
  doc    = "Damage of the last entry is not taken for a torn tail.",
  seeds  = {1},
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140, batch_entries = 1 }
    c[1]:campaign()
    c:wait_leader()
    local client = c:client()
    for i = 1, 2 do expect.ok(client:put("k", i)) end
    sleep_ms(20)
    c[3]:crash()
    log("a bit of the payload of the last entry rots")
    c[3].disk:bitrot{ file = "log-0000000000000001", offset = 202 }
    log("n3 starts")
    c[3]:restart()
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
    sleep_ms(330)
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
  end,
}
