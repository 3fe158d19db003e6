-- The identities of entries stand in a file of their own, and are written behind the records. The disk
-- of a follower takes the records and then no more: what was written is undone in both files, also
-- when it is a segment that was just begun.
scenario{
  name  = "identities_meet_a_full_disk",
  doc   = "A write of identities, or of the header before them, fails for lack of space and is undone.",
  tags  = {"disk", "nospace"},
  seeds = 3,
  run   = function()
    local c = cluster{ nodes = 3, segment_bytes = 400 }
    local leader = c:wait_leader()
    local node, cl = c:others("leader")[1], c:client()
    for i = 1, 4 do expect.ok(cl:put("k" .. i, i)) end
    for _, point in ipairs{ "ids.append.write", "ids.roll.create", "ids.roll.write" } do
      fault.at(point):on(node):times(1):errno("ENOSPC")
      for i = 1, 12 do expect.ok(cl:put(point .. i, i)) end
      sleep_ms(100)
    end
    expect.eventually("the node has everything", { within_ms = 2000, poll_ms = 20 }, function()
      return node.durable_index == leader.durable_index
    end)
  end,
}
