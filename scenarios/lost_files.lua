-- One file of a follower's store is gone. Whatever it is, the node never takes itself for a new one, and
-- what another file or another node still knows comes back.

-- The names that begin with a prefix, in their order.
local function named(node, prefix)
  local found = {}
  for _, name in ipairs(node.disk:files()) do
    if name:find("^" .. prefix) then found[#found + 1] = name end
  end
  return found
end

local function losing(lose, condition)
  return function()
    local c = cluster{ nodes = 3, batch_entries = 1, quarantine = true,
                       segment_bytes = lose == "log" and 100 or 300 } -- one entry in each, or a few
    local leader, cl = c:wait_leader(), c:client()
    for i = 1, 9 do expect.ok(cl:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local hurt, other = table.unpack(c:others(leader))
    if lose == "snapshot" then
      hurt:snapshot()
      sleep_ms(50)
    end
    hurt:crash()
    local is_whole = lose == "middle" or lose == "beginning"
    for _, prefix in ipairs(is_whole and { "log", "ids" } or { lose }) do
      local names = named(hurt, prefix)
      local nth = ({ beginning = 1, middle = 2 })[lose] or (#names > 2 and 2 or 1)
      -- With the last segment and its identities nothing would be left that shows that they were there.
      assert(names[is_whole and nth + 1 or nth], "there is no such file")
      hurt.disk:remove(names[nth])
    end
    hurt:restart()
    expect.eq(hurt.up and hurt.condition or "refused", condition)
    expect.ok(cl:put("k10", 10))
    if condition == "running" or condition == "recovering" then
      expect.eventually("it is well again", { within_ms = 1000 }, function()
        return hurt.condition == "running" and hurt.applied_index == leader.applied_index
      end)
      other:crash()
      expect.ok(cl:put("k11", 11))
    end
    for i = 1, 10 do expect.eq(cl:get("k" .. i), i) end
  end
end

for what, case in pairs{
  log = { lose = "log", condition = "recovering",
          doc = "A segment in the middle is gone: its entry is known by its identity, and comes from the leader." },
  ids = { lose = "ids", condition = "running",
          doc = "The identities of a segment are gone: they are made again from its records." },
  middle = { lose = "middle", condition = "recovering",
             doc = "A segment and its identities are gone: what lies behind goes too, and it votes when it has all." },
  beginning = { lose = "beginning", condition = "recovering",
                doc = "The first segment and its identities are gone: that is no snapshot that was lost." },
  snapshot = { lose = "snapshot", condition = "running",
               doc = "The only snapshot is gone, and the log before it is still there: it is applied again." },
  hard_state = { lose = "hard%-state", condition = "quarantined",
                 doc = "Term and vote are gone: the node follows, and counts for nothing." },
  marker = { lose = "store", condition = "refused",
             doc = "The file that says whose store it is, is gone: the node does not start." },
} do
  scenario{
    name  = "lost_file_" .. what,
    doc   = case.doc,
    tags  = {"disk", "recovery", "damage"},
    seeds = 3,
    run   = losing(case.lose, case.condition),
  }
end

-- A follower that was away twice, and whose log is empty behind what the leader has sent it.
local function losing_all_but(lost)
  return function()
    local c = cluster{ nodes = 3, snapshot_every = 0, snapshot_trailing = 0, quarantine = true,
                       segment_bytes = 300 }
    local leader, cl = c:wait_leader(), c:client()
    local hurt, other = table.unpack(c:others(leader))
    for round = 1, 2 do
      hurt:crash()
      for i = 1, 4 do expect.ok(cl:put("k" .. i, round)) end
      expect.eventually("it takes one", { within_ms = 2000 }, function() return leader:snapshot() end)
      expect.eventually("its log is gone", { within_ms = 2000 }, function()
        return leader.first_index > leader.applied_index
      end)
      sleep_ms(100) -- what is on its way to it is lost
      hurt:restart()
      expect.eventually("it has the snapshot alone", { within_ms = 2000 }, function()
        return hurt.up and hurt.snapshot_index == leader.applied_index
      end)
    end
    hurt:crash()
    expect.eq(#named(hurt, "log"), 0)
    hurt.disk:remove(named(hurt, lost)[1])
    hurt:restart()
    expect.eq(hurt.condition, lost == "mark" and "running" or "recovering")
    expect.eq(#named(hurt, "mark"), 1)
    expect.ok(cl:put("k5", 5))
    expect.eventually("it is well again", { within_ms = 2000 }, function()
      return hurt.condition == "running" and hurt.applied_index == leader.applied_index
    end)
    other:crash()
    expect.ok(cl:put("k6", 6))
  end
end

for lost, doc in pairs{
  snapshot = "The only snapshot is gone, and no log is behind it: its mark says that the node is no new one.",
  mark = "The mark of a snapshot is gone: it is made again.",
} do
  scenario{
    name  = "lost_" .. lost .. "_without_a_log",
    doc   = doc,
    tags  = {"disk", "recovery", "damage", "snapshot"},
    seeds = 3,
    run   = losing_all_but(lost),
  }
end
