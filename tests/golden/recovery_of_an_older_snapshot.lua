-- n3 dies when its second snapshot is published and the first one not yet removed; the second one rots.
-- The first one and the log behind it take its place.
scenario{
  name   = "recovery_of_an_older_snapshot",
  doc    = "The previous snapshot and the log behind it stand in for a rotten one.",
  seeds  = {1},
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140, batch_entries = 1, snapshot_every = 2, snapshot_trailing = 0 }
    c[1]:campaign()
    c:wait_leader()
    local client = c:client()
    for i = 1, 1 do expect.ok(client:put("k", i)) end
    sleep_ms(20)
    local point = fault.at("snapshot.replace.unlink"):on(3):times(1):call(function() c[3]:crash{ unsynced = "keep" } end)
    for i = 2, 3 do expect.ok(client:put("k", i)) end
    sleep_ms(20)
    log("the newer snapshot rots")
    local newest
    for _, name in ipairs(c[3].disk:files()) do
      if name:find("^snapshot%-") then log("n3 has %s", name) newest = name end
    end
    c[3].disk:bitrot{ file = newest, offset = 170 }
    log("n3 starts")
    c[3]:restart()
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
    sleep_ms(160)
    log("n3: %s, last %d, durable %d, applied %d", c[3].condition, c[3].last_index, c[3].durable_index, c[3].applied_index)
  end,
}
