-- n3 dies between the write of a batch and its sync, and the disk keeps a part of it. The load cuts
-- what is torn; n3 says what it has, and gets the rest once more.
-- Writes down each file operation of a node.
local function watch(node, pattern)
  for _, point in ipairs(fault.points(pattern, "eio")) do
    fault.at(point):on(node):call(function() log("%s %s", node.name, point) end):optional()
  end
end

scenario{
  name   = "restart_with_torn_tail",
  doc    = "A torn batch that was never acknowledged is cut at the start and replicated again.",
  seeds  = {4}, -- one with which the first of the two unsynced entries is left whole
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("three commands while the disk of n3 is slow; it dies during its second sync")
    c[3].disk:slow{ op = "sync", latency_ms = 20 }
    fault.at("segment.append.sync"):on(3):nth(2):call(function()
      after_ms(1, function()
        log("n3: last %d, durable %d", c[3].last_index, c[3].durable_index)
        c[3]:crash{ unsynced = "torn" }
      end)
    end)
    local client = c:client()
    for i = 1, 3 do expect.ok(client:put("k", i, { padding_bytes = 400 })) end
    expect.eventually("n3 is down", { within_ms = 100, poll_ms = 5 }, function() return not c[3].up end)
    log("n3 starts")
    c[3].disk:heal()
    watch(c[3], "segment.**")
    watch(c[3], "ids.**")
    c[3]:restart()
    log("n3: last %d", c[3].last_index)
    sleep_ms(90)
    log("n3: last %d, durable %d", c[3].last_index, c[3].durable_index)
    expect.eq(c[3].durable_index, c[1].durable_index)
  end,
}
