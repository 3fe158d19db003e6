-- A snapshot is written under another name, synced, read back, and only then renamed; that is made
-- durable before the snapshot before it goes, and the segments that both cover go last of all.
-- Writes down each file operation of a node.
local function watch(node, pattern)
  for _, point in ipairs(fault.points(pattern, "eio")) do
    fault.at(point):on(node):call(function() log("%s %s", node.name, point) end):optional()
  end
end

scenario{
  name   = "snapshot_replaces_the_one_before",
  doc    = "A node takes two snapshots; the first is there until the second was read back and has its name.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 1, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140,
                       snapshot_every = 0, snapshot_trailing = 0, segment_bytes = 300 }
    c[1]:campaign()
    c:wait_leader()
    watch(c[1], "snapshot.**")
    watch(c[1], "segment.compact.**")
    local client = c:client()
    for round = 1, 2 do
      for i = 1, 2 do expect.ok(client:put("k", round * 10 + i)) end
      log("n1 takes snapshot %d", round)
      expect.ok(c[1]:snapshot())
      sleep_ms(5)
      log("n1: snapshot %d, log from %d", c[1].snapshot_index, c[1].first_index)
    end
    expect.eq(c[1].snapshot_index, 5)
  end,
}
