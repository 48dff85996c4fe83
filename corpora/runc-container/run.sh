#!/bin/bash
# What Docker does for every container: runc with namespaces, cgroups v1, pivot_root, dropped capabilities.
set -eu
cd bundle
runc --root "$PWD/../state" run lacuna-corpus
runc --root "$PWD/../state" list
