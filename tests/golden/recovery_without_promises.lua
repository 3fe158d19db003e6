-- Both copies of n3's term and vote have rotted. It starts in quarantine, with the term of its log: it
-- takes entries, but its answers count for nothing, and it gives no vote.
scenario{
  name   = "recovery_without_promises",
  doc    = "A node without its promises follows, and neither votes nor counts.",
  seeds  = {1},
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140, batch_entries = 1, quarantine = true, prevote = false, check_quorum = false }
    c[1]:campaign()
    c:wait_leader()
    local client = c:client()
    for i = 1, 1 do expect.ok(client:put("k", i)) end
    sleep_ms(20)
    c[3]:crash()
    log("both copies of the hard state rot")
    c[3].disk:bitrot{ file = "hard-state", offset = 9 }
    c[3].disk:bitrot{ file = "hard-state", offset = 4096 + 9 }
    log("n3 starts")
    c[3]:restart()
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
    log("n2 is cut off from n1; n1 takes a command")
    local cut = c:cut{ from = 1, to = 2, both = true }
    client:put("k", 2, { timeout_ms = 20 })
    log("n1: last %d, commit %d; n3: durable %d", c[1].last_index, c[1].commit_index, c[3].durable_index)
    c[2]:campaign()
    sleep_ms(10)
    log("n2 campaigned: %s", c[2].role)
  end,
}
