-- A witness gets ids instead of commands, and of a snapshot no state. What it has is seen by the oracle
-- "witness", in memory and on its disk, in every event of these runs.
scenario{
  name   = "witness_stands_in_for_a_voter",
  doc    = "A full node fails: commits go on with the witness, which compacts its log, crashes, and comes back.",
  tags   = {"membership", "witness", "snapshot", "crash"},
  seeds  = 6,
  params = { every = {8, "committed entries between snapshots", min = 1} },

  run = function(p)
    local c = cluster{ nodes = 3, witnesses = {3}, snapshot_every = p.every, snapshot_trailing = 2,
                       segment_bytes = 400 }
    local witness = c[3]
    local leader = c:wait_leader()
    expect.never("the witness leads", function() return witness:is_leader() end)
    local other = c:others({ leader, witness })[1]
    other:crash{ unsynced = "random" }
    local cl = c:client{ timeout_ms = 5000 }
    for i = 1, 2 * p.every do expect.ok(cl:put("k" .. i % 5, "v" .. i)) end
    expect.eventually("the witness drops the log behind a snapshot of its own", { within_ms = 2000 }, function()
      return witness.snapshot_index > p.every and witness.first_index > 1
    end)
    witness:crash{ unsynced = "random" }
    local before = c:committed()
    witness:restart()
    for i = 1, p.every do expect.ok(cl:put("k" .. i % 5, "w" .. i)) end
    expect.ok(c:committed() > before, "commits need the witness, and go on")
    other:restart()
    expect.converged{ within_ms = 5000 }
    expect.eq(cl:get("k1"), "w" .. (p.every - (p.every - 1) % 5), "what was written last")
  end,
}

scenario{
  name   = "witness_is_sent_a_snapshot_without_a_state",
  doc    = "A witness that was away while the log was compacted gets the frame of a snapshot, in pieces.",
  tags   = {"membership", "witness", "snapshot"},
  seeds  = 6,
  params = {
    piece = {50, "bytes of a piece; the frame has 176", min = 1},
    away  = {"cut", "what keeps it away", oneof = {"cut", "crash"}},
  },
  sweep  = { away = {"cut", "crash"} },

  run = function(p)
    local c = cluster{ nodes = 3, witnesses = {3}, snapshot_every = 10, snapshot_trailing = 0,
                       snapshot_bytes = p.piece, segment_bytes = 300 }
    local witness = c[3]
    c:wait_leader()
    local cl = c:client{ timeout_ms = 5000 }
    expect.ok(cl:put("x", 0))
    expect.converged{ within_ms = 2000 }
    local cut
    if p.away == "cut" then cut = c:isolate(witness) else witness:crash() end
    for i = 1, 25 do expect.ok(cl:put("x", i)) end
    expect.eventually("the leader's log begins behind it", { within_ms = 4000 }, function()
      local leader = c:leader()
      return leader and leader.first_index > 15
    end)
    if cut then cut:heal() else witness:restart() end
    expect.eventually("it votes for what is in the snapshot", { within_ms = 4000 }, function()
      return witness.up and witness.snapshot_index > 15 and witness.commit_index >= c:committed()
    end)
    local other = c:others({ c:leader(), witness })[1]
    other:crash()
    expect.ok(cl:put("x", "without the other"))
    other:restart()
    expect.converged{ within_ms = 5000 }
  end,
}

scenario{
  name  = "witness_does_not_make_up_for_data",
  doc   = "What only a crashed full node and the witness have is kept: the cluster waits for that node, and for nobody less.",
  tags  = {"membership", "witness", "crash"},
  seeds = 6,

  run = function()
    local c = cluster{ nodes = 3, witnesses = {3} }
    local witness = c[3]
    local leader = c:wait_leader()
    local behind = c:others({ leader, witness })[1]
    local cl = c:client{ timeout_ms = 5000 }
    expect.ok(cl:put("x", 1))
    local cut = c:isolate(behind)
    expect.ok(cl:put("x", 2))
    leader:crash()
    cut:heal()
    sleep_ms(2000)
    expect.eq(c:leader(), nil, "the witness votes for nobody who lacks it")
    leader:restart()
    expect.ok(c:wait_leader{ within_ms = 5000 } == leader, "who has it leads")
    expect.eq(cl:get("x"), 2)
    expect.converged{ within_ms = 5000 }
  end,
}

scenario{
  name  = "witness_mends_its_log_by_itself",
  doc   = "A record of a witness rots: its id is all that was in it, so that nobody has to be asked, and commits go on.",
  tags  = {"membership", "witness", "damage"},
  seeds = 10,

  run = function()
    local c = cluster{ nodes = 3, witnesses = {3} }
    local witness = c[3]
    local leader = c:wait_leader()
    local other = c:others({ leader, witness })[1]
    local cl = c:client{ timeout_ms = 8000 }
    for i = 1, 10 do expect.ok(cl:put("x", i)) end
    expect.converged{ within_ms = 2000 }
    other:crash()
    expect.ok(cl:put("x", "with the witness"))
    witness:crash()
    for _, name in ipairs(witness.disk:files()) do
      if name:find("^log%-") then witness.disk:bitrot{ file = name } end
    end
    -- Alone, it has nobody to ask; it need not even try.
    local cut = c:isolate(witness):optional()
    witness:restart()
    expect.eventually("its log is whole again", { within_ms = 2000 }, function()
      return witness.up and witness.condition == "running" and witness.durable_index == witness.last_index
    end)
    cut:heal()
    expect.ok(cl:put("x", "with the witness again"))
    other:restart()
    expect.converged{ within_ms = 5000 }
  end,
}
