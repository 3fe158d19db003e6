-- A cut that goes back over several segments, and a cut of a log that has nothing left.
scenario{
  name  = "conflict_across_segments",
  doc   = "An isolated leader has written several segments of entries that nobody else has; the next leader's log replaces them.",
  tags  = {"disk", "conflict"},
  seeds = 5,
  params = { writes = {24, "entries that are lost", min = 1} },

  run = function(p)
    -- Without check-quorum the old leader goes on writing for as long as it is alone.
    local c = cluster{ nodes = 3, segment_bytes = 400, batch_entries = 2, check_quorum = false }
    local old = c:wait_leader()
    expect.ok(c:client():put("x", 0))
    local cut = c:isolate(old)
    for i = 1, p.writes do
      spawn(function() c:client{ timeout_ms = 300 }:put("lost" .. i, i) end)
    end
    local new = c:wait_leader{ other_than = old, within_ms = 3000 }
    sleep_ms(300)
    local stored = false
    for _ = 1, 20 do                             -- a client that asks the old leader waits in vain
      stored = stored or c:client{ timeout_ms = 200 }:put("x", 1)
    end
    expect.ok(stored, "the majority takes a write")
    expect.ok(old.last_index > new.last_index, "the old leader's log is longer")
    cut:heal()
    expect.converged{ within_ms = 5000 }
    sleep_ms(100)                                -- the disk is still busy with the cut
    expect.reached("segment.truncate.unlink")
    expect.reached("segment.truncate.cut")
    expect.eq(c:client():get("x"), 1)
    old:crash()
    old:restart()
  end,
}
