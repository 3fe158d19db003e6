-- Snapshots of the state machine take the place of the log before them.
scenario{
  name   = "snapshot_replaces_the_log",
  doc    = "Every node takes snapshots as it goes, drops the log before them, and starts from the last one.",
  tags   = {"snapshot"},
  seeds  = 4,
  params = { every = {8, "applied entries between snapshots", min = 1} },

  run = function(p)
    local c = cluster{ nodes = 3, snapshot_every = p.every, snapshot_trailing = 2,
                       snapshot_bytes = 100, segment_bytes = 600 }
    c:wait_leader()
    local cl = c:client()
    for i = 1, 4 * p.every do
      expect.ok(cl:put("k" .. i % 5, "v" .. i))
    end
    expect.eventually("every node has a snapshot and a short log", { within_ms = 2000 }, function()
      for _, n in ipairs(c:nodes()) do
        if n.snapshot_index < 2 * p.every or n.first_index == 1 then return false end
      end
      return true
    end)
    local node = c:pick(c:others("leader"))
    node:crash{ unsynced = "random" }
    sleep_ms(50)
    node:restart()
    expect.eventually("it is as far as the others again", { within_ms = 3000 }, function()
      return node.up and node.applied_index >= c:committed()
    end)
    expect.ok(node.first_index > 1, "its log begins behind a snapshot")
    expect.eq(cl:get("k1"), "v" .. (4 * p.every - (4 * p.every - 1) % 5), "what was written last")
    expect.converged{ within_ms = 3000 }
  end,
}

-- A node whose entries are gone from the leader's log gets a snapshot, in pieces.
scenario{
  name   = "snapshot_brings_a_late_follower_up_to_date",
  doc    = "A follower that was away while the log was compacted gets a snapshot in pieces, then the log behind it.",
  tags   = {"snapshot", "network"},
  seeds  = 6,
  params = {
    piece = {24, "bytes of a piece", min = 1},
    away  = {"cut", "what keeps it away", oneof = {"cut", "crash"}},
  },
  sweep  = { away = {"cut", "crash"} },

  run = function(p)
    local c = cluster{ nodes = 3, snapshot_every = 10, snapshot_trailing = 0,
                       snapshot_bytes = p.piece, segment_bytes = 300 }
    c:wait_leader()
    local node = c:pick(c:others("leader"))
    local cl = c:client()
    for i = 1, 7 do expect.ok(cl:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local cut
    if p.away == "cut" then cut = c:isolate(node) else node:crash() end
    local load = c:load{ clients = 2, rate_per_s = 200, keys = 6, mix = { put = 1 } }
    expect.eventually("the leader's log begins behind it", { within_ms = 4000 }, function()
      local leader = c:leader()
      return leader and leader.id ~= node.id and leader.first_index > 30
    end)
    load:stop()
    load:wait()
    if cut then cut:heal() else node:restart() end
    expect.eventually("the follower has it all", { within_ms = 5000 }, function()
      return node.up and node.applied_index >= c:committed() and node.first_index > 1
    end)
    expect.ok(cl:put("after", "all"))
    expect.converged{ within_ms = 3000 }
  end,
}

-- Whatever happens in the middle of an installation, it ends, or begins again.
scenario{
  name   = "snapshot_installation_is_interrupted",
  doc    = "A snapshot is on its way in small pieces when the leader changes, the follower dies, or messages are lost and doubled.",
  tags   = {"snapshot", "crash", "network"},
  seeds  = 6,
  params = { what = {"transfer", "what happens in the middle",
                     oneof = {"transfer", "leader_crash", "follower_crash", "loss", "newer", "stop"}} },
  sweep  = { what = {"transfer", "leader_crash", "follower_crash", "loss", "newer", "stop"} },

  run = function(p)
    local c = cluster{ nodes = 3, snapshot_every = 10, snapshot_trailing = 0, snapshot_bytes = 40,
                       segment_bytes = 1000 }
    c:wait_leader()
    local node = c:pick(c:others("leader"))
    local cut = c:isolate(node)
    local load = c:load{ clients = 2, rate_per_s = 300, keys = 8, mix = { put = 1 } }
    expect.eventually("the leader's log begins behind it", { within_ms = 4000 }, function()
      local leader = c:leader()
      return leader and leader.id ~= node.id and leader.first_index > 20
    end)
    if p.what ~= "newer" then
      load:stop()
      load:wait()
    end
    cut:heal()
    if p.what == "loss" then c:link{ loss = 0.2, dup = 0.3, for_ms = 600 } end
    expect.eventually("a snapshot is on its way", { within_ms = 4000, poll_ms = 1 }, function()
      return node.installing or node.first_index > 1
    end)
    sleep_ms(3)
    local leader = c:leader()
    if p.what == "transfer" then
      local other = c:pick(c:others({leader, node}))
      leader:transfer(other)
    elseif p.what == "leader_crash" then
      leader:crash{ unsynced = "random" }
      sleep_ms(100)
      leader:restart()
    elseif p.what == "follower_crash" then
      node:crash{ unsynced = "random" }
      sleep_ms(20)
      node:restart()
    elseif p.what == "stop" then
      node:stop()
      expect.eventually("it has stopped", { within_ms = 1000 }, function() return not node.up end)
      node:restart()
    else
      sleep_ms(300)
    end
    load:stop()
    load:wait()
    expect.eventually("the follower has it all", { within_ms = 10000 }, function()
      return node.up and node.applied_index >= c:committed() and node.first_index > 1
    end)
    expect.converged{ within_ms = 5000 }
  end,
}

-- A snapshot that cannot be written is given up, and taken again later; the log stays.
scenario{
  name   = "snapshot_meets_a_full_disk",
  doc    = "The disk is full, or fails, while a snapshot is written: the one before it and the log stay, and another attempt succeeds.",
  tags   = {"snapshot", "disk", "error"},
  seeds  = 4,
  params = { how = {"ENOSPC", "what the disk says", oneof = {"ENOSPC", "EIO"}} },
  sweep  = { how = {"ENOSPC", "EIO"} },

  run = function(p)
    local c = cluster{ nodes = 3, snapshot_every = 8, snapshot_trailing = 0, segment_bytes = 800 }
    fault.at("snapshot.save.write"):on(1):times(2):errno(p.how)
    if p.how == "EIO" then fault.at("snapshot.publish.sync"):on(2):nth(1):errno("EIO") end
    c:wait_leader()
    local cl = c:client()
    for i = 1, 30 do
      expect.ok(cl:put("k" .. i % 3, "v" .. i))
    end
    expect.eventually("every node has a snapshot", { within_ms = 4000 }, function()
      for _, n in ipairs(c:nodes()) do
        if n.snapshot_index == 0 or n.condition ~= "running" then return false end
      end
      return true
    end)
    expect.converged{ within_ms = 3000 }
  end,
}

-- Asking for a snapshot, and what a crash leaves of one.
scenario{
  name   = "snapshot_on_request",
  doc    = "A node is asked for snapshots again and again; each takes the place of the one before.",
  tags   = {"snapshot"},
  seeds  = 3,

  run = function()
    local c = cluster{ nodes = 3, snapshot_every = 0, snapshot_trailing = 1, segment_bytes = 400 }
    c:wait_leader()
    local cl = c:client()
    local node = c:leader()
    for round = 1, 3 do
      for i = 1, 5 do expect.ok(cl:put("k" .. i, round * 10 + i)) end
      expect.eventually("it takes one", { within_ms = 2000 }, function() return node:snapshot() end)
      expect.eventually("it has one", { within_ms = 2000 }, function()
        return node.snapshot_index >= 5 * round
      end)
    end
    expect.ok(node.first_index > 5, "the log before it is gone")
    expect.converged{ within_ms = 2000 }
  end,
}

local function dying(when)
  return function()
    local c = cluster{ nodes = 3, snapshot_every = 8, snapshot_trailing = 0, segment_bytes = 300 }
    c:wait_leader()
    local cl = c:client()
    local node = c:pick(c:others("leader"))
    for i = 1, 5 do expect.ok(cl:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local died = false
    on("crashed", { node = node }, function() died = true end)
    if when == "replace" then
      fault.at("snapshot.replace.unlink"):on(node):times(1):call(function()
        node:crash{ unsynced = "keep" }
      end)
    else
      local cut = c:isolate(node)
      for i = 1, 30 do expect.ok(cl:put("k" .. i, i)) end
      fault.at("segment.reset.close"):on(node):times(1):call(function()
        node:crash{ unsynced = "keep" }
      end)
      cut:heal()
    end
    for i = 1, 30 do expect.ok(cl:put("k" .. i, i)) end
    expect.eventually("it has died", { within_ms = 4000 }, function() return died end)
    node:restart()
    expect.eventually("it is as far as the others again", { within_ms = 4000 }, function()
      return node.up and node.applied_index >= c:committed() and node.snapshot_index > 0
    end)
    expect.converged{ within_ms = 3000 }
  end
end

scenario{
  name  = "crash_leaves_two_snapshots",
  doc   = "A node dies before it has removed the snapshot that a newer one replaces; the next start removes it.",
  tags  = {"snapshot", "crash", "recovery"},
  seeds = 4,
  run   = dying("replace"),
}

scenario{
  name  = "crash_between_a_snapshot_and_the_reset_of_the_log",
  doc   = "A node dies between publishing an installed snapshot and emptying its log; the next start empties it.",
  tags  = {"snapshot", "crash", "recovery"},
  seeds = 4,
  run   = dying("reset"),
}
