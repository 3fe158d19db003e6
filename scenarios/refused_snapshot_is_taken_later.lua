-- A snapshot that cannot be taken is taken later: the log stays short, whatever has failed once.
scenario{
  name = "refused_snapshot_is_taken_later",
  doc  = "Three nodes write and take a snapshot every few entries; one that fails must not be the last.",
  tags = {"snapshot", "memory"},

  run = function()
    local c = cluster{ nodes = 3, snapshot_every = 4, snapshot_trailing = 2, pending_requests = 8 }
    c:wait_leader()
    local client = c:client()
    for i = 1, 120 do
      expect.ok(client:put("k" .. i % 4, i))
    end
    for _, n in ipairs(c:nodes()) do
      expect.eventually("every node has a late snapshot", { within_ms = 1000 }, function()
        return n.last_index - n.snapshot_index < 8
      end)
    end
  end,
}

-- Nothing may rest on a snapshot that nothing shows to have been there.
scenario{
  name = "snapshot_without_a_mark_is_given_up",
  doc  = "A disk refuses the mark of a snapshot: it is given up, and taken again.",
  tags = {"snapshot", "disk"},

  run = function()
    local c = cluster{ nodes = 3, snapshot_every = 0, snapshot_trailing = 0 }
    local leader, client = c:wait_leader(), c:client()
    expect.ok(client:put("k", 1))
    local refused = fault.at("snapshot.mark.create"):on(leader):times(1):errno("ENOSPC")
    expect.eq(leader:snapshot(), true)
    expect.eventually("it is tried again, and has a mark", { within_ms = 1000 }, function()
      return refused.hits == 1 and leader.snapshot_index > 0
    end)
    expect.ok(client:put("k", 2))
  end,
}
