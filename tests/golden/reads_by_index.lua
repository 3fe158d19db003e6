-- Three reads at once: each takes the commit index as it is. The first begins a round of heartbeats, and
-- the two that come while it is on its way share the next one. Nothing is written.
scenario{
  name   = "reads_by_index",
  doc    = "A round of heartbeats confirms all reads that came before it began.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140 }
    c[1]:campaign()
    c:wait_leader()
    local clients = {}
    for i = 1, 3 do
      clients[i] = c:client()
      expect.ok(clients[i]:put("x", i)) -- each knows now who leads
    end
    sleep_ms(10)
    local before = c[1].last_index
    log("three reads")
    local tasks = {}
    for i = 1, 3 do
      tasks[i] = spawn(function() expect.eq(clients[i]:get("x", { by_index = true }), 3) end)
    end
    for i = 1, 3 do tasks[i]:join() end
    log("answered")
    sleep_ms(5)
    expect.eq(c[1].last_index, before)
  end,
}
