"""Print the table at the head of docs/benchmarks.md: what is promised, and what was measured."""

from benchmarks.page import PAGE, summary

if __name__ == "__main__":
    print(summary(PAGE.read_text()))
