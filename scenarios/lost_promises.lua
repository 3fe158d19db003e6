-- A follower starts again without its term and vote: both copies have rotted, or the file is gone. With
-- the option `quarantine` it follows and applies, and neither votes nor counts, for the life of its store. One copy
-- may be lost while the other is good: what was not yet in both has been promised to nobody.

local function lose_promises(node, how)
  node:crash()
  if how == "gone" then
    node.disk:remove("hard-state")
  else
    node.disk:bitrot{ file = "hard-state", offset = 9 }
    node.disk:bitrot{ file = "hard-state", offset = 4096 + 9 }
  end
end

scenario{
  name   = "quarantine_follows_and_is_needed_for_nothing",
  doc    = "A follower without its promises gets the log again, but no write is done and nobody is elected by it.",
  tags   = {"disk", "recovery", "damage", "election"},
  seeds  = 5,
  params = { how = {"rotten", "what became of the hard state", oneof = {"rotten", "gone"}} },
  sweep  = { how = {"rotten", "gone"} },

  run = function(p)
    local c = cluster{ nodes = 3, quarantine = true }
    local leader, cl = c:wait_leader(), c:client()
    for i = 1, 5 do expect.ok(cl:put("k" .. i, i)) end
    expect.converged{ within_ms = 2000 }
    local hurt, other = table.unpack(c:others(leader))
    lose_promises(hurt, p.how)
    expect.ok(cl:put("k6", 6))
    hurt:restart()
    expect.eq(hurt.condition, "quarantined")
    expect.converged{ within_ms = 2000 }
    expect.eq(hurt.applied_index, leader.applied_index, "what it has applied")
    hurt:crash()
    hurt:restart()
    expect.eq(hurt.condition, "quarantined", "after another start")

    other:crash()
    local before = c:committed()
    c:client{ timeout_ms = 400 }:put("k7", 7)
    sleep_ms(1000)
    expect.eq(#c:leaders(), 0, "leaders by a node in quarantine")
    expect.eq(c:committed(), before, "what is committed by it")
    other:restart()
    c:wait_leader()
    expect.ok(cl:put("k8", 8))
    expect.converged{ within_ms = 2000 }
  end,
}

scenario{
  name  = "acknowledgement_after_a_forgotten_vote",
  doc   = "A node has voted in a later term, forgets it, and takes an entry of the old leader: that must not commit it.",
  tags  = {"disk", "recovery", "damage", "election"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3, quarantine = true, prevote = false, check_quorum = false }
    local old, cl = c:wait_leader(), c:client()
    expect.ok(cl:put("before", 1))
    expect.converged{ within_ms = 2000 }
    local hurt, new = table.unpack(c:others(old))
    c:cut{ from = old, to = new, both = true }
    local vote = c:hold{ from = hurt, to = new, type = "vote_rep", optional = true }
    new:campaign()
    expect.eventually("the vote is given", { within_ms = 200, poll_ms = 5 }, function() return vote.hits > 0 end)
    local deaf = c:cut{ from = new, to = hurt }
    vote:release()
    expect.eventually("the vote elects", { within_ms = 200, poll_ms = 5 }, function() return new:is_leader() end)
    lose_promises(hurt, "rotten")
    hurt:restart()
    local before = c:committed()
    local writes = {} -- some of them begin at the old leader
    for i = 1, 24 do
      writes[i] = spawn(function() c:client{ timeout_ms = 300 }:put("after", i) end)
    end
    for _, write in ipairs(writes) do write:join() end
    expect.ok(old.last_index > before, "the old leader has taken a write")
    expect.eq(hurt.last_index, old.last_index, "and has sent it to the node in quarantine")
    expect.eq(c:committed(), before, "what is committed")
    deaf:heal()
    c:heal()
    expect.converged{ within_ms = 3000 }
  end,
}

scenario{
  name  = "quarantine_ends_with_the_member",
  doc   = "The node without promises is replaced by a new one, and the cluster stands the loss of a node again.",
  tags  = {"disk", "recovery", "damage", "membership"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3, quarantine = true, snapshot_every = 8, snapshot_trailing = 2 }
    local leader, cl = c:wait_leader(), c:client()
    for i = 1, 20 do expect.ok(cl:put("k" .. i, i)) end
    local hurt, other = table.unpack(c:others(leader))
    lose_promises(hurt, "rotten")
    hurt:restart()
    expect.eq(hurt.condition, "quarantined")
    local new = expect.ok(c:add{ instead_of = hurt })
    expect.eventually("the new node votes", { within_ms = 1000 }, function()
      return new.member == "voter" and not new.is_joint
    end)
    other:crash()
    expect.ok(cl:put("k21", 21))
    for i = 1, 21 do expect.eq(cl:get("k" .. i), i) end
    other:restart()
    expect.converged{ within_ms = 3000 }
  end,
}

scenario{
  name  = "a_promise_that_was_being_written",
  doc   = "A candidate dies when one copy of its new term and vote is written, and that rots: it has promised nothing yet, and votes anew.",
  tags  = {"disk", "recovery", "damage", "election"},
  seeds = 5,

  run = function()
    local c = cluster{ nodes = 3, prevote = false, quarantine = true }
    local leader, cl = c:wait_leader(), c:client()
    expect.ok(cl:put("k1", 1))
    expect.converged{ within_ms = 2000 }
    local hurt, other = table.unpack(c:others(leader))
    local term = hurt.term
    fault.at("state.save.write_b"):on(hurt):times(1):crash()
    hurt:campaign()
    expect.eventually("it dies", { within_ms = 500, poll_ms = 5 }, function() return not hurt.up end)
    hurt.disk:bitrot{ file = "hard-state", offset = 9 }
    hurt:restart()
    expect.eq(hurt.condition, "running")
    expect.eq(hurt.term, term, "the older of two promises")
    leader:crash()
    other:campaign()
    expect.ok(cl:put("k2", 2), "by another vote in the same term")
    leader:restart()
    expect.converged{ within_ms = 2000 }
  end,
}
