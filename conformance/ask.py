"""Runs one case against SPARK_REMOTE and prints its answers as one line of JSON. usage: ask.py CASE"""
import json
import runpy
import sys

import case

runpy.run_path(sys.argv[1])
print("ANSWERS " + json.dumps({"version": case.spark.version, "answers": case.answers}))
