-- Figure 8 of the Raft paper (§5.4.2): an entry of an old term lies on a majority and is overwritten
-- nevertheless. A leader that counted copies of it would have committed it.
scenario{
  name  = "figure8",
  doc   = "An entry of an older term on a majority is not committed by counting its copies, and may be overwritten.",
  tags  = {"election", "schedule", "paper"},
  seeds = 5,

  run = function()
    -- No node campaigns by itself, and entries travel one a message.
    local c = cluster{ nodes = 5, prevote = false, check_quorum = false, batch_entries = 1,
                       window_messages = 1, election_min_ms = 20000, election_max_ms = 30000 }
    local function lead(n)
      local again_ms = 0
      expect.eventually(n.name .. " leads", { within_ms = 500, poll_ms = 0.05 }, function()
        if not n:is_leader() and now_ms() >= again_ms then
          n:campaign()
          again_ms = now_ms() + 30
        end
        return n:is_leader()
      end)
    end
    local s1, s2, s3, s4, s5 = table.unpack(c:nodes())
    lead(s1)
    expect.ok(c:client{ timeout_ms = 3000 }:put("x", 0))
    expect.converged{ within_ms = 2000 }

    -- (a) s1 leads and replicates an entry to s2 alone.
    local cut = c:partition({ s1, s2 }, { s3, s4, s5 })
    local writer = c:client{ timeout_ms = 20 }
    spawn(function() writer:put("x", 1) end)
    expect.eventually("s2 has the entry", { within_ms = 3000 }, function()
      return s2.durable_index > s3.last_index
    end)
    local index = s2.durable_index
    s1:crash()

    -- (b) s5 leads with the votes of s3 and s4 and has another entry at that index, by itself.
    local mute = c:drop{ from = s5, type = "append_req" }
    lead(s5)
    expect.eventually("s5 has its own entry", { within_ms = 1000 }, function()
      return s5.durable_index >= index
    end)
    s5:crash()

    -- (c) s1 leads again and brings the old entry to a majority.
    cut:heal()
    mute:heal()
    s1:restart()
    local counted = fault.at("commit.advance.old_term"):on(s1):call(function() end)
    lead(s1)
    expect.eventually("the old entry is on a majority", { within_ms = 500, poll_ms = 0.05 }, function()
      return counted.hits > 0
    end)
    c:cut{ from = s1, to = c:others(s1) }   -- its own entry of the new term is on its way
    s1:crash()
    expect.ok(c:committed() < index, "it is not committed")

    -- (d) s5 leads again and overwrites it.
    s5:restart()
    lead(s5)
    expect.eventually("s2 follows s5", { within_ms = 3000 }, function()
      return s2.commit_index >= index and s2.term == s5.term
    end)
    c:heal()
    s1:restart()
    expect.converged{ within_ms = 5000 }
    expect.reached("commit.advance.old_term")
  end,
}
