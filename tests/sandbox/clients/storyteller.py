"""Lives through the stories of one client, each in a process of its own that is forked once the client is imported.

Why: importing a client takes a second of processor time, a story a tenth of that. The command line names the file of
stories; a line on stdin names a story and a folder with `told`, what it is told; a line on stdout answers with the exit
code once `seen`, what it saw, and `complaints` are there.
"""

import os
import runpy
import sys
from pathlib import Path

STORIES = sys.argv[1]


def live(story: str, folder: Path) -> None:
    """Become the process that this story would have had for itself."""
    for name, descriptor, flags in (("told", 0, os.O_RDONLY), ("seen", 1, _NEW), ("complaints", 2, _NEW)):
        os.dup2(os.open(folder / name, flags), descriptor)
    sys.argv = [STORIES, story]
    runpy.run_path(STORIES, run_name="__main__")


_NEW = os.O_WRONLY | os.O_CREAT

if __name__ == "__main__":
    runpy.run_path(STORIES)  # whatever it imports is there from now on
    while asked := sys.stdin.readline():
        story, _, folder = asked.rstrip("\n").partition(" ")
        process = os.fork()
        if not process:
            sys.stdin = os.fdopen(0, closefd=False)  # what is read ahead of the next story is none of its
            live(story, Path(folder))
            sys.exit()
        _, status = os.waitpid(process, 0)
        print(os.waitstatus_to_exitcode(status), flush=True)
