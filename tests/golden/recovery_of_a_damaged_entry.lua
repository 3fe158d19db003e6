-- The payload of n3's second entry has rotted. Its identity is good, so nothing is cut: n3 is recovering,
-- asks the leader that it hears for the entry, rewrites the record and goes on.
scenario{
  name   = "recovery_of_a_damaged_entry",
  doc    = "A damaged entry keeps its place and comes back from the leader.",
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
    log("a bit of the payload of entry 2 rots")
    c[3].disk:bitrot{ file = "log-0000000000000001", offset = 130 }
    log("n3 starts")
    c[3]:restart()
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
    sleep_ms(330)
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
  end,
}
