"""Steps of images that install packages."""

from __future__ import annotations

from burrow._options import check_text
from burrow._recipe import Conditions, Recipe, absolute_local, some, texts
from burrow.exception import InvalidError

TYPE_CHECKING = False
if TYPE_CHECKING:
    from typing import Any, Sequence

    from typing_extensions import Self

    from burrow._recipe import Texts
    from burrow.secret import Secret


_NO_PACKAGE = "%s() needs at least one package."


class PackageSteps(Recipe):
    """What burrow.Image can install."""

    __slots__ = ()

    def apt_install(
        self,
        *packages: "Texts",
        env: "dict[str, str] | None" = None,
        secrets: "Sequence[Secret]" = (),
        force_build: bool = False,
    ) -> "Self":
        """Installs Debian packages, without recommended ones.

        `env`, `secrets` and `force_build` are those of `run_commands`.

        Raises:
            InvalidError: a name is no Debian package name (optionally with "=version").
        """
        names = texts("A package", packages)
        for name in names:
            if name[0] == "-" or any(c.isspace() or c in "'\"\\;&|<>$`" for c in name):
                raise InvalidError("%r is no name of a Debian package." % name)
        some(names, "apt_install() needs at least one package.")
        return self._with("apt_install", names, Conditions(secrets, env, force_build))

    def pip_install(
        self,
        *packages: "Texts",
        requirements: "Texts | None" = None,
        pyproject: "str | None" = None,
        find_links: "str | None" = None,
        index_url: "str | None" = None,
        extra_index_url: "Texts | None" = None,
        no_index: bool = False,
        pre: bool = False,
        extra_options: "Texts" = "",
        env: "dict[str, str] | None" = None,
        secrets: "Sequence[Secret]" = (),
        force_build: bool = False,
    ) -> "Self":
        """Installs Python packages by the image's pip.

        Args:
            packages: requirements such as "numpy" or "torch>=2.1", also as lists.
            requirements: a requirements file of this machine, or a list of such, installed too.
            pyproject: a pyproject.toml of this machine; what it depends on is installed too.
            find_links: a directory of the image, or the URL of a page, with archives of packages.
            index_url: where packages are looked for, instead of pip's own index.
            extra_index_url: further indexes; one URL, or a list.
            no_index: look into `find_links` only.
            pre: also take versions that are not released yet.
            extra_options: further options of `pip install`, as one string or a list of words.
            env, secrets, force_build: as of `run_commands`. A secret that sets PIP_EXTRA_INDEX_URL
                names an index whose password nobody else gets to see.
        """
        names = _requirements(packages)
        paths = _requirements_files(requirements)
        project = None if pyproject is None else absolute_local(pyproject)
        some(names + paths + ((project,) if project else ()), _NO_PACKAGE % "pip_install")
        options = _options(find_links, index_url, extra_index_url, no_index, pre, extra_options)
        named = ("all", (names, paths, project)) if paths or project else ("packages", names)
        conditions = Conditions(secrets, env, force_build)
        return self._with("pip_install", (*named, options, False), conditions)

    def pip_install_from_requirements(
        self,
        requirements_txt: str,
        find_links: "str | None" = None,
        *,
        index_url: "str | None" = None,
        extra_index_url: "Texts | None" = None,
        no_index: bool = False,
        pre: bool = False,
        extra_options: "Texts" = "",
        env: "dict[str, str] | None" = None,
        secrets: "Sequence[Secret]" = (),
        force_build: bool = False,
    ) -> "Self":
        """Installs what a requirements file of this machine names, with the files that it includes.

        The options are those of `pip_install`.
        """
        options = _options(find_links, index_url, extra_index_url, no_index, pre, extra_options)
        content = ("requirements", absolute_local(requirements_txt), options, False)
        return self._with("pip_install", content, Conditions(secrets, env, force_build))

    def pip_install_from_pyproject(
        self,
        pyproject_toml: str,
        optional_dependencies: "Sequence[str]" = (),
        *,
        find_links: "str | None" = None,
        index_url: "str | None" = None,
        extra_index_url: "Texts | None" = None,
        no_index: bool = False,
        pre: bool = False,
        extra_options: "Texts" = "",
        env: "dict[str, str] | None" = None,
        secrets: "Sequence[Secret]" = (),
        force_build: bool = False,
    ) -> "Self":
        """Installs what a pyproject.toml of this machine depends on, but not the project itself.

        Args:
            optional_dependencies: names of groups that are installed too.

        The other options are those of `pip_install`.
        """
        if isinstance(optional_dependencies, str):
            raise InvalidError("optional_dependencies must be a list of names of groups.")
        groups = texts("A group of dependencies", optional_dependencies)
        options = _options(find_links, index_url, extra_index_url, no_index, pre, extra_options)
        content = ("pyproject", (absolute_local(pyproject_toml), groups), options, False)
        return self._with("pip_install", content, Conditions(secrets, env, force_build))

    def uv_pip_install(
        self,
        *packages: "Texts",
        requirements: "Texts | None" = None,
        find_links: "str | None" = None,
        index_url: "str | None" = None,
        extra_index_url: "Texts | None" = None,
        no_index: bool = False,
        pre: bool = False,
        extra_options: "Texts" = "",
        env: "dict[str, str] | None" = None,
        secrets: "Sequence[Secret]" = (),
        force_build: bool = False,
    ) -> "Self":
        """Installs Python packages by uv, which the image must have.

        Args:
            requirements: files of this machine whose requirements are installed too.

        The other options are those of `pip_install`.
        """
        names = _requirements(packages)
        paths = _requirements_files(requirements)
        some(names + paths, _NO_PACKAGE % "uv_pip_install")
        options = _options(find_links, index_url, extra_index_url, no_index, pre, extra_options)
        return self._with(
            "pip_install",
            ("mixed", (names, paths), options, True),
            Conditions(secrets, env, force_build),
        )


def _requirements(packages: "Sequence[Texts]") -> "tuple[str, ...]":
    names = texts("A package", packages)
    for name in names:
        if name.lstrip()[:1] in ("-", "") or "\n" in name:
            raise InvalidError("%r is no requirement: options have parameters of their own." % name)
    return names


def _requirements_files(files: "Texts | None") -> "tuple[str, ...]":
    named = () if files is None else texts("A requirements file", (files,))
    return tuple(absolute_local(file) for file in named)


def _options(
    find_links: "str | None",
    index_url: "str | None",
    extra_index_url: "Texts | None",
    no_index: bool,
    pre: bool,
    extra_options: "Texts",
) -> "tuple[tuple[str, Any], ...]":
    """Those that were given, by their names in PipInstallStep."""
    if not isinstance(extra_options, str):
        extra_options = texts("An option", (extra_options,))
    given: "dict[str, Any]" = {
        "findLinks": find_links and check_text("find_links", find_links),
        "indexUrl": index_url and check_text("index_url", index_url),
        "extraIndexUrls": extra_index_url and texts("extra_index_url", (extra_index_url,)),
        "noIndex": bool(no_index),
        "pre": bool(pre),
        "extraOptions": extra_options,
    }
    return tuple((name, value) for name, value in given.items() if value)
