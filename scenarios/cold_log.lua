-- A node keeps log_memory_max bytes of the entries that it has applied. What is older is read from
-- its disk when somebody needs it: a follower that lags, or a node that has lost an entry.

-- A cluster whose nodes keep a few entries in memory; one follower is down and misses the rest.
local function cold_cluster(o)
  o.nodes, o.log_memory_max, o.segment_bytes = 3, 600, 700
  o.batch_entries, o.snapshot_every = o.batch_entries or 4, 0
  local c = cluster(o)
  local leader, client = c:wait_leader(), c:client()
  for i = 1, 6 do expect.ok(client:put("k" .. i, i)) end
  expect.converged{ within_ms = 2000 }
  local late = c:others(leader)[1]
  late:crash()
  for i = 7, 30 do expect.ok(client:put("k" .. i, i)) end
  leader = c:leader() or c:wait_leader()
  return c, leader, late, client
end

-- Counts the reads of a node.
local function reads_of(node)
  return fault.at("cold.load.read"):on(node):call(function() end):optional()
end

-- The late follower gets everything, from whomever, and nobody stays damaged.
local function is_served(c, late, client)
  expect.eventually("it has everything", { within_ms = 5000 }, function()
    return late.up and late.applied_index >= c:committed()
  end)
  for i = 1, 30 do expect.eq(client:get("k" .. i), i) end
  expect.eventually("every node is whole", { within_ms = 5000 }, function()
    for _, node in ipairs(c:nodes()) do
      if node.condition ~= "running" then return false end
    end
    return true
  end)
end

scenario{
  name   = "lagging_follower_is_served_from_the_disk",
  doc    = "A follower far behind gets entries that its leader has no more in memory, and no snapshot.",
  tags   = {"replication", "memory"},
  seeds  = 5,
  params = { batch = {4, "entries in one message and in one read", min = 1} },

  run = function(p)
    local c, leader, late, client = cold_cluster{ batch_entries = p.batch }
    expect.ok(leader.cold_index > 20, "what is applied has left memory")
    expect.ok(leader.log_bytes < 1200, "the log in memory is short")
    local reads = reads_of(leader)
    late:restart()
    expect.eventually("it has everything", { within_ms = 3000 }, function()
      return late.up and late.applied_index >= c:committed()
    end)
    if c:leader() == leader then
      expect.eq(late.snapshot_index, 0, "it needed no snapshot")
      expect.ok(reads.hits >= 24 / p.batch, "its entries were read from the disk")
    end
    for i = 1, 30 do expect.eq(client:get("k" .. i), i) end
  end,
}

scenario{
  name   = "cold_entry_cannot_be_read",
  doc    = "A leader cannot read an entry that a follower needs: it tries again, makes way, or sends a snapshot.",
  tags   = {"replication", "disk", "error"},
  seeds  = 5,
  params = { how = {"once", "which reads fail, and whether a snapshot has the entry",
                    oneof = {"once", "always", "covered"}} },
  sweep  = { how = {"once", "always", "covered"} },

  run = function(p)
    local c, leader, late, client = cold_cluster{ snapshot_trailing = 1000 }
    local snapshots = leader.snapshot_index
    if p.how == "covered" then
      leader:snapshot()
      expect.eventually("the leader has a snapshot", { within_ms = 2000 }, function()
        return leader.snapshot_index > snapshots
      end)
    end
    local times = p.how == "once" and 1 or 20
    local rule = fault.at("cold.load.read"):on(leader):times(times):errno("EIO"):optional()
    late:restart()
    is_served(c, late, client)
    if p.how == "covered" and rule.hits > 2 then
      expect.ok(late.snapshot_index > 0, "the follower was sent the snapshot")
    end
  end,
}

-- A segment's first record is at 32, with a head of 48, of which the identity is a part; the copy of
-- that, in the file of identities, is at 32, too.
for what, rotten in pairs{
  payload = { log = 32 + 48 + 1 },
  identity = { log = 32 + 40 + 1 },
  payload_and_copy = { log = 32 + 48 + 1, ids = 32 + 9 },
} do
  scenario{
    name  = "cold_" .. what .. "_rots",
    doc   = "A leader finds that an entry which a follower needs has rotted: it makes way, and gets it back or takes a snapshot.",
    tags  = {"replication", "disk", "damage"},
    seeds = 5,

    run = function()
      local c, leader, late, client = cold_cluster{ snapshot_trailing = 1000 }
      for _, name in ipairs(leader.disk:files()) do
        local offset = rotten[name:match("^%a+")]
        if offset then leader.disk:bitrot{ file = name, offset = offset } end
      end
      -- A new snapshot would make up for the entry, if it came before another node's copy of it.
      fault.at("snapshot.save.write"):on(leader):times(1):errno("ENOSPC"):optional()
      late:restart()
      is_served(c, late, client)
    end,
  }
end

scenario{
  name   = "cold_read_is_overtaken",
  doc    = "While entries are read for a follower, the log is compacted, cut or closed, or the node dies.",
  tags   = {"replication", "disk", "snapshot"},
  seeds  = 5,
  params = { by = {"compaction", "what happens meanwhile",
                   oneof = {"compaction", "cut", "crash", "stop", "stop_at_its_end", "another_leader"}} },
  sweep  = { by = {"compaction", "cut", "crash", "stop", "stop_at_its_end", "another_leader"} },

  run = function(p)
    local c, leader, late, client = cold_cluster{ snapshot_trailing = 0 }
    local other = c:others({leader, late})[1]
    local point = p.by == "stop_at_its_end" and "cold.load.close" or "cold.load.read"
    local reads = fault.at(point):on(leader):times(1):delay_ms(400):optional()
    late:restart()
    expect.eventually("the leader reads", { within_ms = 2000 }, function()
      return reads.hits > 0 or late.applied_index >= c:committed()
    end)
    if p.by == "compaction" then
      leader:snapshot()
    elseif p.by == "cut" then
      c:isolate(leader)
      spawn(function() c:client():put("lost", 1, { timeout_ms = 500 }) end)
      c:wait_leader{ other_than = leader, within_ms = 3000 }
      c:heal()
    elseif p.by == "crash" then
      leader:crash()
      sleep_ms(100)
      leader:restart()
    elseif p.by == "stop" or p.by == "stop_at_its_end" then
      leader:stop()
      expect.eventually("it has stopped", { within_ms = 2000 }, function()
        return leader.state == "stopped" or leader.state == "failed" or leader.state == "down"
      end)
      leader:restart()
    else
      leader:transfer(other)
    end
    is_served(c, late, client)
  end,
}

scenario{
  name  = "configurations_stay_in_memory",
  doc   = "Configurations whose entries have left memory are known until a snapshot has them, and a follower far behind gets them.",
  tags  = {"replication", "memory", "membership", "snapshot"},
  seeds = 5,

  run = function()
    local c, leader, late, client = cold_cluster{ snapshot_trailing = 1 }
    local learner = expect.ok(c:add{ learner = true })
    for i = 31, 36 do expect.ok(client:put("k" .. i, i)) end
    expect.ok(c:remove(learner))
    for i = 37, 60 do expect.ok(client:put("k" .. i, i)) end
    leader = c:leader() or c:wait_leader()
    expect.ok(leader.configuration_index > 0 and leader.configuration_index < leader.cold_index,
              "the configuration has left memory")
    late:restart()
    is_served(c, late, client)
    expect.eq(#c:members(), 3, "members")
    leader:snapshot()
    expect.eventually("the log begins behind the configurations", { within_ms = 2000 }, function()
      return leader.first_index > leader.configuration_index
    end)
    expect.converged{ within_ms = 2000 }
  end,
}
