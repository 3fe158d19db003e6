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
