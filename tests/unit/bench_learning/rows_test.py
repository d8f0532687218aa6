#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0
"""The rows of bench_learning, for programs: their keys, and that no metric is missing. The town is made up; what is measured of it is
computed by the benchmark's own code. Usage: rows_test.py SOURCE_FOLDER"""
import argparse
import os
import sys
import tempfile
import types
import unittest
from unittest import mock

ROOT = os.path.abspath(sys.argv.pop(1))
sys.path[:0] = [os.path.join(ROOT, "bench", "learning"), os.path.join(ROOT, "tests", "lab")]

import main  # noqa: E402
import measure  # noqa: E402
from graph import Edge  # noqa: E402

METRICS = {"precision", "recall", "recall_heldout", "over_permission", "rules_per_service", "false_denials", "attack_edges_accepted",
           "ephemeral_port_rules"}
CALL, RARE = Edge("web", "db", 5432, "tcp"), Edge("web", "mail", 25, "tcp")
ATTACK, ESCAPE = Edge("mail", "db", 22, "tcp"), Edge("mail", "db", 40000, "tcp")
PROPOSALS = [{"service": "web", "yaml": "  egress:\n  - to:\n    ports:\n    - port: 5432\n"},
             {"service": "db", "yaml": "  ingress:\n  - from:\n    ports:\n    - port: 5432\n  - from:\n    ports:\n    - port: 40000\n"},
             {"service": "mail", "yaml": ""}]


class MadeUpTown:
    """Learning: web called db ten times, mail thrice. Held out: newcomers called both. Enforced: one call to db was refused."""
    def __init__(self, *_):
        self.services, self.edges = ["db", "mail", "web"], [CALL, RARE]
        self.attackers = [types.SimpleNamespace(kind="worm", service="mail", restarts=True)]
        self.chapters = [({CALL: [10, 0], RARE: [3, 0]}, {ATTACK: 2}), ({CALL: [5, 0], RARE: [3, 0]}, {}), ({CALL: [4, 1]}, {ATTACK: 0})]
        self.legitimate, self.attacks, self.by_newcomers = {}, {}, {}

    def play(self, *_, **__):
        self.legitimate, self.attacks = self.chapters.pop(0)
        self.by_newcomers = {edge: answered for edge, (answered, _) in self.legitimate.items()}

    def replace_all(self):
        pass

    def forget_counts(self):
        pass

    def close(self):
        pass


def learned():
    """The metrics of one run of which `main.learn` sees no daemon and no network."""
    bulkhead = mock.MagicMock()
    bulkhead.start.return_value = bulkhead
    bulkhead.cli.return_value = types.SimpleNamespace(returncode=0, stdout="", stderr="")
    bulkhead.json.return_value = PROPOSALS
    args = argparse.Namespace(bin="", minutes=1, verbose=False)
    with tempfile.TemporaryDirectory() as folder, mock.patch.multiple(
            main, World=mock.MagicMock(), Bulkhead=mock.MagicMock(return_value=bulkhead), Town=MadeUpTown, drained=mock.DEFAULT,
            say=mock.DEFAULT), mock.patch.object(measure, "permitted", return_value={CALL, ATTACK, ESCAPE}):
        return main.learn(args, [CALL, RARE], 1, folder)


class Rows(unittest.TestCase):
    def test_have_exactly_these_keys_and_all_metrics(self):
        rows = main.rows("shop", [learned(), learned()])
        for row in rows:
            self.assertEqual(set(row), {"case", "metric", "unit", "median", "min", "max"})
            self.assertEqual(row["case"], "shop")
            self.assertLessEqual(row["min"], row["median"])
            self.assertLessEqual(row["median"], row["max"])
        names = [row["metric"] for row in rows]
        self.assertEqual(len(names), len(set(names)))
        self.assertLessEqual(METRICS, set(names))

    def test_say_what_was_made_up(self):
        metrics = {name: value for name, (value, _) in learned().items()}
        self.assertAlmostEqual(metrics["precision"], 1 / 3)
        self.assertEqual(metrics["recall"], 0.5)
        self.assertEqual(metrics["recall_heldout"], 0.5)
        self.assertGreater(metrics["over_permission"], 0)
        self.assertEqual(metrics["rules_per_service"], 2)  # db: two rules, one edge
        self.assertEqual(metrics["false_denials"], 1)
        self.assertEqual(metrics["attack_edges_accepted"], 1)
        self.assertEqual(metrics["ephemeral_port_rules"], 1)

    def test_median_is_between_least_and_most(self):
        runs = [{"recall": (value, "share")} for value in (0.2, 1.0, 0.9)]
        self.assertEqual(main.rows("shop", runs),
                         [{"case": "shop", "metric": "recall", "unit": "share", "median": 0.9, "min": 0.2, "max": 1.0}])


if __name__ == "__main__":
    unittest.main()
