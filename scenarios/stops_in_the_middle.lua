-- Nodes are asked to stop while an operation is under way: every kind of job must come to its end, or
-- be given up, before the node has stopped in good order.
local points = {
  "segment.append.write", "segment.append.sync", "segment.roll.close", "segment.roll.create",
  "segment.roll.write", "segment.roll.sync", "segment.roll.sync_dir", "segment.compact.unlink",
  "segment.compact.sync_dir", "snapshot.save.create", "snapshot.save.write", "snapshot.publish.sync",
  "snapshot.publish.read", "snapshot.publish.close", "snapshot.publish.rename",
  "snapshot.publish.sync_dir", "snapshot.replace.unlink", "snapshot.replace.sync_dir",
}

scenario{
  name   = "stops_in_the_middle",
  doc    = "A node stops in good order whatever its disk is doing: it is asked in the middle of each kind of job.",
  tags   = {"shutdown", "disk", "snapshot"},
  seeds  = 3,
  params = { role = {"follower", "who stops", oneof = {"follower", "leader"}} },
  sweep  = { role = {"follower", "leader"} },

  run = function(p)
    local c = cluster{ nodes = 3, segment_bytes = 300, snapshot_every = 6, snapshot_trailing = 1 }
    local cl = c:client{ timeout_ms = 3000 }
    local stops = 0
    for _, point in ipairs(points) do
      local leader = c:wait_leader()
      local n = p.role == "leader" and leader or c:others(leader)[1]
      local asked = false
      local rule = fault.at(point):on(n):optional():call(function()
        if asked then return end
        asked = true
        spawn(function() n:stop() end)
      end)
      for i = 1, 12 do
        if not asked then expect.ok(cl:put("k" .. i % 3, point)) end
      end
      rule:off()
      if asked then
        stops = stops + 1
        expect.eventually(n.name .. " stops in good order", { within_ms = 2000 }, function()
          return n.state == "stopped"
        end)
        n:restart()
      end
      expect.converged{ within_ms = 3000 }
    end
    expect.ok(stops >= 10, "it was asked in the middle of " .. stops)
  end,
}

scenario{
  name   = "stop_is_asked_of_who_has_failed",
  doc    = "A node whose sync has failed is asked to stop while it closes its files: it has failed, not stopped in good order.",
  tags   = {"shutdown", "disk", "error"},
  seeds  = 3,
  params = { role = {"follower", "who fails", oneof = {"follower", "leader"}} },
  sweep  = { role = {"follower", "leader"} },

  run = function(p)
    local c = cluster{ nodes = 3 }
    local leader, cl = c:wait_leader(), c:client{ timeout_ms = 3000 }
    local n = p.role == "leader" and leader or c:others(leader)[1]
    expect.ok(cl:put("k1", 1))
    expect.converged{ within_ms = 2000 }
    fault.at("segment.append.sync"):on(n):times(1):errno("EIO")
    fault.at("disk.close"):on(n):times(1):call(function()
      spawn(function() n:stop() end)
    end)
    cl:put("k2", 2)
    expect.eventually(n.name .. " is gone", { within_ms = 2000 }, function() return not n.up end)
    expect.ok(n.state ~= "stopped", "it did not stop in good order")
    n:restart()
    expect.converged{ within_ms = 3000 }
  end,
}
