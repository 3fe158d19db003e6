-- A node that was alone is given a snapshot in place of its log, dies in the middle of it, and has it all
-- after its start, and after another one.
local function dies_while_its_log_is_replaced(c, old, cut, p)
  fault.at(p.point):on(old):times(1):crash(p.side)
  local crashed = false
  on("crashed", function(ev) crashed = crashed or ev.node.id == old.id end)
  cut:heal()
  expect.eventually("it dies", { within_ms = 4000 }, function() return crashed end)
  sleep_ms(50)
  old:restart()
  expect.eventually("it has it all", { within_ms = 6000 }, function()
    return old.up and old.applied_index >= c:committed() and old.first_index > 1
  end)
  expect.converged{ within_ms = 5000 }
  old:crash()
  old:restart()
end

-- It starts from what is left: an old snapshot beside the new one, or a log that does not belong to it.
scenario{
  name   = "snapshot_takes_the_place_of_a_diverged_log",
  doc    = "A leader that was alone has entries of its own in several segments; the others' snapshot replaces all of them, and it dies on the way.",
  tags   = {"snapshot", "disk", "crash", "recovery", "conflict"},
  seeds  = 4,
  params = {
    point = {"segment.reset.unlink", "the step"},
    side  = {"before", "whether the step takes effect", oneof = {"before", "after"}},
  },
  sweep  = {
    point = {"segment.reset.close", "segment.reset.unlink", "segment.reset.sync_dir",
             "snapshot.publish.rename", "snapshot.publish.sync_dir", "snapshot.restore.read"},
    side  = {"before", "after"},
  },

  run = function(p)
    -- Without check-quorum the old leader goes on writing for as long as it is alone.
    local c = cluster{ nodes = 3, segment_bytes = 300, batch_entries = 2, check_quorum = false,
                       snapshot_every = 12, snapshot_trailing = 0, snapshot_bytes = 80 }
    local old = c:wait_leader()
    expect.ok(c:client():put("x", 0))
    local cut = c:isolate(old)
    for i = 1, 6 do
      spawn(function() c:client{ timeout_ms = 300 }:put("lost" .. i, i) end)
    end
    local new = c:wait_leader{ other_than = old, within_ms = 3000 }
    sleep_ms(300)
    for i = 1, 60 do                             -- a client that asks the old leader waits in vain
      if new.first_index > old.last_index then break end
      c:client{ timeout_ms = 200 }:put("k" .. i % 5, i)
    end
    expect.ok(new.first_index > old.last_index, "the new leader's log begins behind the old one's")
    dies_while_its_log_is_replaced(c, old, cut, p)
  end,
}

-- The snapshot ends within the entries that nobody else has: what the log has behind it belongs to
-- another history, and must not follow it.
scenario{
  name   = "snapshot_ends_within_a_diverged_log",
  doc    = "A leader that was alone has more entries of its own than the others' snapshot covers; all of them go, also those behind it, whenever it dies.",
  tags   = {"snapshot", "disk", "crash", "recovery", "conflict"},
  seeds  = 4,
  params = {
    point = {"snapshot.publish.sync_dir", "the step"},
    side  = {"before", "whether the step takes effect", oneof = {"before", "after"}},
    bytes = {300, "size of a segment: where the snapshot's last entry lies in one", min = 100},
  },
  sweep  = {
    point = {"snapshot.publish.rename", "snapshot.publish.sync_dir", "segment.reset.close",
             "ids.reset.unlink", "ids.reset.sync_dir", "segment.reset.unlink",
             "segment.reset.sync_dir"},
    side  = {"before", "after"},
    bytes = {130, 200, 300},
  },

  run = function(p)
    local c = cluster{ nodes = 3, segment_bytes = p.bytes, batch_entries = 1, check_quorum = false,
                       snapshot_every = 8, snapshot_trailing = 0, snapshot_bytes = 80 }
    local old = c:wait_leader()
    expect.ok(c:client():put("x", 0))
    local cut = c:isolate(old)
    for i = 1, 40 do
      spawn(function() c:client{ timeout_ms = 300 }:put("lost" .. i, i) end)
    end
    local new = c:wait_leader{ other_than = old, within_ms = 3000 }
    sleep_ms(300)
    for i = 1, 60 do                             -- a client that asks the old leader waits in vain
      if new.snapshot_index > 0 and new.first_index > new.snapshot_index then break end
      c:client{ timeout_ms = 200 }:put("k" .. i % 5, i)
    end
    expect.ok(new.snapshot_index > 0, "the new leader has a snapshot")
    expect.ok(old.durable_index > new.last_index, "the old leader's log is longer")
    dies_while_its_log_is_replaced(c, old, cut, p)
  end,
}

-- The new snapshot is published, the one before it is still there.
scenario{
  name   = "snapshot_is_published_before_the_old_one_goes",
  doc    = "A node dies between publishing a snapshot and removing the one before it; it starts from the new one.",
  tags   = {"snapshot", "disk", "crash", "recovery"},
  seeds  = 3,
  params = { side = {"before", "whether the removal takes effect", oneof = {"before", "after"}} },
  sweep  = { side = {"before", "after"} },

  run = function(p)
    local c = cluster{ nodes = 3, snapshot_every = 8, snapshot_trailing = 2, segment_bytes = 600 }
    c:wait_leader()
    local victim
    on("crashed", function(ev) victim = ev.node end)
    fault.at("snapshot.replace.unlink"):times(1):crash(p.side)
    local cl = c:client()
    for i = 1, 30 do
      expect.ok(cl:put("k" .. i % 3, "v" .. i))
    end
    expect.ok(victim, "a node died")
    victim:restart()
    expect.eventually("it begins behind its snapshot", { within_ms = 3000 }, function()
      return victim.up and victim.snapshot_index > 0 and victim.applied_index >= c:committed()
    end)
    if p.side == "before" then expect.reached("snapshot.load.unlink") end
    expect.converged{ within_ms = 3000 }
  end,
}
