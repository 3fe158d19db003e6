-- n3's only snapshot has rotted and the log before it is gone. The log itself is exact, so that n3 takes
-- and acknowledges entries; it tells the leader that its state machine is blank, and is sent a snapshot
-- although the logs agree.
scenario{
  name   = "recovery_of_a_blank_state_machine",
  doc    = "A node without its snapshot keeps its log and is sent a snapshot.",
  seeds  = {1},
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140, batch_entries = 1, snapshot_every = 2, snapshot_trailing = 0, segment_bytes = 200 }
    c[1]:campaign()
    c:wait_leader()
    local client = c:client()
    for i = 1, 3 do expect.ok(client:put("k", i)) end
    sleep_ms(20)
    c[3]:crash()
    for _, name in ipairs(c[3].disk:files()) do
      if name:find("^snapshot%-") then
        log("%s rots", name)
        c[3].disk:bitrot{ file = name, offset = 170 }
      end
    end
    log("n3 starts")
    c[3]:restart()
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
    sleep_ms(250)
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
  end,
}
