"""Tests; run with: python3 -m unittest -q"""
