-- Both copies of the identity of n3's second entry have rotted, and there are more behind it: n3 does not
-- know what it had acknowledged. It cuts there and says so durably, grants no vote to n2, asks the leader
-- how far its log reaches, and votes again when it has all of that.
scenario{
  name   = "recovery_of_lost_entries",
  doc    = "A node that has lost entries grants no vote before they are back.",
  seeds  = {1},
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140, batch_entries = 1, prevote = false, check_quorum = false }
    c[1]:campaign()
    c:wait_leader()
    local client = c:client()
    for i = 1, 2 do expect.ok(client:put("k", i)) end
    sleep_ms(20)
    c[3]:crash()
    log("both copies of the identity of entry 2 rot")
    c[3].disk:bitrot{ file = "log-0000000000000001", offset = 84 }
    c[3].disk:bitrot{ file = "ids-0000000000000001", offset = 32 + 56 + 4 }
    log("n3 starts")
    c[3]:restart()
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
    c:isolate(1):optional()
    c[2]:campaign()
    sleep_ms(10)
    log("n2 campaigned: %s", c[2].role)
    c:heal()
    sleep_ms(330)
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
    c:isolate(1):optional()
    c[2]:campaign()
    sleep_ms(10)
    log("n2 campaigned: %s", c[2].role)
  end,
}
