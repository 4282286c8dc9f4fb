"""The library `splink` 5 on the same people, the same blocks and the same levels, run by the interpreter of an environment that has it.

    path/to/python benchmarks/peer_splink.py people.parquet request.json scores.parquet

Its parameters are estimated as its own guide does it: chance agreement by random sampling, the share of true pairs by deterministic
rules, the rest by expectation maximisation in sessions blocked on different fields.
"""

from __future__ import annotations

import json
import sys
import time


def main() -> None:
    import duckdb
    import pyarrow.parquet as pq
    import splink
    from splink import Linker, SettingsCreator, block_on
    from splink.backends.duckdb import DuckDBAPI
    from splink.comparison_library import CustomComparison
    people, request, out = sys.argv[1:4]
    with open(request, encoding="utf-8") as file:
        asked = json.load(file)
    started = time.process_time()
    connection = duckdb.connect(":memory:", config={"threads": 1})
    comparisons = []
    for one in asked["comparisons"]:
        levels = [{"sql_condition": one["unknown"], "label_for_charts": "unknown", "is_null_level": True}]
        levels += [{"sql_condition": condition, "label_for_charts": str(at)} for at, condition in enumerate(one["levels"])]
        if one["name"] == "name":
            levels[1]["tf_adjustment_column"] = "name"
        levels.append({"sql_condition": "ELSE", "label_for_charts": "else"})
        comparisons.append(CustomComparison(output_column_name=one["name"], comparison_levels=levels))
    settings = SettingsCreator(
        link_type="dedupe_only", unique_id_column_name="id", comparisons=comparisons, retain_matching_columns=False,
        blocking_rules_to_generate_predictions=[block_on(f"k_{key}") for key in asked["blocks"]])
    api = DuckDBAPI(connection)
    frame = api.register(pq.read_table(people))
    linker = Linker(frame, settings, log_level="ERROR")
    training = linker.training
    training.estimate_probability_two_random_records_match([block_on("email"), block_on("phone", "family"), block_on("name", "address")], recall=0.7)
    training.estimate_u_using_random_sampling(max_pairs=asked["chance_pairs"], seed=asked["seed"])
    for rule in (block_on("k_name"), block_on("k_email"), block_on("k_phone")):
        training.estimate_parameters_using_expectation_maximisation(rule)
    found = linker.inference.predict(threshold_match_probability=asked["from"])
    table = found.as_pyarrow_table()
    pq.write_table(table.select(["id_l", "id_r", "match_probability"]), out)
    json.dump({"version": splink.__version__, "duckdb": duckdb.__version__, "cpu_seconds": time.process_time() - started}, sys.stdout)


if __name__ == "__main__":
    main()
