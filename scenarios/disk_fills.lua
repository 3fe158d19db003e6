-- Disks of one, two or all three nodes are full, then space is freed (braft issue 200).
scenario{
  name   = "disk_fills",
  doc    = "Disks fill up under load: full nodes take no entries; when space is freed everyone catches up.",
  tags   = {"disk", "error"},
  seeds  = 3,
  params = {
    victims = {1, "how many of the three nodes", min = 1, max = 3},
    free    = {1500, "bytes that are left at first", min = 0},
  },
  sweep  = { victims = {1, 2, 3} },

  run = function(p)
    local c = cluster{ nodes = 3, segment_bytes = 2048 }
    c:wait_leader()
    local load = c:load{ clients = 3, rate_per_s = 150, keys = 4, mix = { put = 1 }, padding_bytes = 100 }
    sleep_ms(100)
    local full = {}
    for i = 1, p.victims do
      full[i] = c[i]
      c[i].disk:fill{ free_bytes = p.free }
    end
    expect.eventually("every victim is out of space", { within_ms = 5000, poll_ms = 5 }, function()
      for _, n in ipairs(full) do
        if n.condition == "running" then return false end
      end
      return true
    end)
    sleep_ms(300)
    for _, n in ipairs(full) do n.disk:heal() end
    expect.eventually("every node runs again", { within_ms = 5000, poll_ms = 5 }, function()
      for _, n in ipairs(c:nodes()) do
        if not n.up or n.condition ~= "running" then return false end
      end
      return true
    end)
    local before = load.ok_count
    expect.eventually("writes go through again", { within_ms = 5000, poll_ms = 5 }, function()
      return load.ok_count > before
    end)
    load:stop()
    load:wait()
    expect.converged{ within_ms = 5000 }
  end,
}
