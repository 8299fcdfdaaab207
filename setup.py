"""What stands at the top of a checkout and is needed where only the package is installed: copied into the wheel."""

import shutil
from pathlib import Path

from setuptools import setup
from setuptools.command.build_py import build_py

AT_THE_TOP = ("sql", "dagster.yaml")


class WithWhatStandsAtTheTop(build_py):
    """An editable package finds the schema and the Dagster instance in its checkout; a wheel has copies."""

    def run(self) -> None:
        """Builds the package as ever, and adds them."""
        super().run()
        if self.editable_mode:
            return
        package = Path(self.build_lib) / "advisory_perf"
        for name in AT_THE_TOP:
            source, target = Path(__file__).with_name(name), package / name
            if source.is_dir():
                shutil.copytree(source, target, dirs_exist_ok=True)
            else:
                shutil.copy(source, target)


setup(cmdclass={"build_py": WithWhatStandsAtTheTop})
