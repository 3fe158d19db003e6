-- One of the two copies of n3's term and vote has rotted: the other one is taken, and the bad one is
-- written again.
scenario{
  name   = "recovery_of_one_copy_of_the_hard_state",
  doc    = "One rotten copy of the hard state loses nothing.",
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
    log("the first copy of the hard state rots")
    c[3].disk:bitrot{ file = "hard-state", offset = 9 }
    for _, point in ipairs(fault.points("state.load.*", "eio")) do
      fault.at(point):on(3):call(function() log("n3 %s", point) end):optional()
    end
    log("n3 starts")
    c[3]:restart()
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
    sleep_ms(330)
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
  end,
}
