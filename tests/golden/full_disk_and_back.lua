-- The disk of n3 is full: it says so, votes and hears heartbeats, and tries from time to time
-- whether there is space. When there is, it gets what it has missed.
-- Writes down each file operation of a node.
local function watch(node, pattern)
  for _, point in ipairs(fault.points(pattern, "eio")) do
    fault.at(point):on(node):call(function() log("%s %s", node.name, point) end):optional()
  end
end

scenario{
  name   = "full_disk_and_back",
  doc    = "A follower without space takes no entries until a probe finds some.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 40 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("the disk of n3 is full")
    c[3].disk:fill()
    watch(c[3], "segment.**")
    watch(c[3], "ids.**")
    watch(c[3], "probe.**")
    expect.ok(c:client():put("x", 1))
    sleep_ms(30)
    log("n3: %s, last %d", c[3].condition, c[3].last_index)
    log("there is space again")
    c[3].disk:heal()
    sleep_ms(60)
    log("n3: %s, last %d", c[3].condition, c[3].last_index)
    expect.eq(c[3].condition, "running")
    expect.eq(c[3].durable_index, 2)
  end,
}
