-- n1 leads, is cut off, and appends two entries that nobody else has. n2 leads meanwhile and commits
-- others at their indexes. Healed, n1 must cut its own, durably, before it writes the new ones.
-- Writes down each file operation of a node.
local function watch(node, pattern)
  for _, point in ipairs(fault.points(pattern, "eio")) do
    fault.at(point):on(node):call(function() log("%s %s", node.name, point) end):optional()
  end
end

scenario{
  name   = "conflict_truncates_then_appends",
  doc    = "Uncommitted entries of an old leader are cut, and the cut is durable before the new ones are written.",
  finish = "as_is",
  run = function()
    -- No node campaigns by itself.
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, prevote = false, check_quorum = false, election_min_ms = 20000,
                       election_max_ms = 30000, heartbeat_ms = 1000 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("n1 is cut off with two commands")
    c:isolate(1)
    spawn(function() c:client{ timeout_ms = 20 }:put("x", 1) end)
    spawn(function() c:client{ timeout_ms = 20 }:put("x", 2) end)
    sleep_ms(30)
    log("n1: last %d, committed %d", c[1].last_index, c[1].commit_index)
    log("n2 campaigns")
    c[2]:campaign()
    c:wait_leader{ other_than = 1 }
    sleep_ms(5)
    log("healed; the files of n1 from here on")
    c:heal()
    watch(c[1], "segment.**")
    watch(c[1], "ids.**")
    expect.ok(c:client():put("x", 3))
    sleep_ms(10)
    log("n1: last %d, committed %d", c[1].last_index, c[1].commit_index)
    expect.eq(c[1].commit_index, c[2].commit_index)
    expect.reached("segment.truncate.cut")
  end,
}
