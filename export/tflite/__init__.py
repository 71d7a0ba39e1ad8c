"""TFLite: conversion, weights of lower precision, and the gate that measures their cost."""
