-- Random faults of random kinds, meant for thousands of seeds. Each run switches every kind of fault
-- on or off by itself, so that kinds meet in every combination.
scenario{
  name   = "nemesis",
  doc    = "Five nodes under load; partitions, crashes, pauses, clocks, disks and memory fail at random.",
  tags   = {"random", "soak"},
  seeds  = 25,
  budget = { sim_ms = 60000, events = 500000 },
  params = {
    nodes  = {5, "cluster size", min = 1, max = 9},
    rounds = {10, "number of faults", min = 0},
    gap_ms = {120, "unit of the pauses", min = 1},
  },

  run = function(p)
    local r = rng("nemesis")
    local c = cluster{ nodes = p.nodes, segment_bytes = 8192,
                       batch_entries = r:pick{ 1, 4, 64 }, window_messages = r:pick{ 1, 2, 8 } }
    c:wait_leader()
    local load = c:load{ clients = 3, rate_per_s = 150, keys = 4 }
    local readers = c:load{ clients = 1, rate_per_s = 50, keys = 4, mix = { get = 1 }, by_index = true }

    local faults = {
      partition = function()
        local rule = c:partition(c:random_minority(), "rest"):optional()
        return function() rule:heal() end
      end,
      isolate = function()
        local rule = c:isolate(c:leader() or c:pick(c:nodes())):optional()
        return function() rule:heal() end
      end,
      one_way = function()
        local from = c:leader() or c:pick(c:nodes())
        local rule = c:cut{ from = from, to = c:pick(c:others(from)), optional = true }
        return function() rule:heal() end
      end,
      flaky = function()
        local rule = c:link{ loss = r:int(1, 20) / 100, dup = 0.05, reorder = 0.1, jitter_ms = 3 }
        return function() rule:heal() end
      end,
      crash = function()
        local n = c:pick(c:nodes())
        n:crash{ unsynced = r:pick{ "lose", "keep", "torn", "random" } }
        return function() n:restart() end
      end,
      crash_leader = function()
        local n = c:leader() or c:pick(c:nodes())
        n:crash{ unsynced = "random" }
        return function() n:restart() end
      end,
      pause = function()
        local n = c:leader() or c:pick(c:nodes())
        n:pause():optional()
        return function() n:resume() end
      end,
      clock = function()
        local n = c:pick(c:nodes())
        local ppm = r:int(-100000, 100000)
        if ppm ~= 0 then n.clock:drift_ppm(ppm):optional() end
        n.clock:jump_ms(r:int(-200, 500)):optional()
        return function() n.clock:drift_ppm(0) end
      end,
      slow_disk = function()
        local n = c:pick(c:nodes())
        n.disk:slow{ latency_ms = r:int(5, 50) }
        return function() n.disk:heal() end
      end,
      bad_disk = function()
        local n = c:pick(c:nodes())
        n.disk:fail{ op = r:pick{ "write", "sync" }, errno = "EIO", times = 1, optional = true }
        return function() n.disk:heal(); n:restart() end
      end,
      full_disk = function()
        local n = c:pick(c:nodes())
        n.disk:fill{ free_bytes = r:int(0, 500) }:optional()
        return function() n.disk:heal() end
      end,
      no_memory = function()
        local n = c:pick(c:nodes())
        local rule = n.mem:fail{ p = 0.2, optional = true }
        return function() rule:off() end
      end,
      readonly = function()
        local n = c:pick(c:nodes())
        n:set_readonly(true)
        return function() n:set_readonly(false) end
      end,
    }
    local names = {}
    for name in pairs(faults) do
      if r:chance(0.5) then names[#names + 1] = name end
    end
    if #names == 0 then names = { "isolate" } end
    if p.nodes < 3 then names = { "crash", "clock", "slow_disk", "no_memory", "readonly" } end

    for round = 1, p.rounds do
      local name = r:pick(names)
      log("round %d: %s", round, name)
      local undo = faults[name]()
      sleep_ms(r:int(p.gap_ms, p.gap_ms * 5))
      undo()
      sleep_ms(r:int(0, p.gap_ms))
    end
    load:stop()
    readers:stop()
  end,
}
