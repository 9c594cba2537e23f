"""The verbs, one file each. Slow imports are inside the functions, so that ``--help`` is fast."""

from __future__ import annotations

import typer

from activessl_cli.commands import (
    accept,
    add,
    adopt,
    backup,
    check,
    classes,
    demo,
    doctor,
    encode,
    explain,
    export,
    finetune,
    forget,
    gate,
    import_,
    init,
    labeling,
    machines,
    plan,
    predict,
    query,
    report,
    review,
    roi,
    rounds,
    serve,
    simulate,
    slices,
    status,
    studio,
    teach,
    train_annotators,
    update,
    watch,
)


def register(app: typer.Typer) -> None:
    """Add every verb, in the order in which a project uses them."""
    app.command("init")(init.init)
    app.command("check")(check.check)
    app.command("encode")(encode.encode)
    app.command("add")(add.add)
    app.command("adopt")(adopt.adopt)
    app.command("import")(import_.import_)
    app.command("query")(query.query)
    app.command("push")(labeling.push)
    app.command("pull")(labeling.pull)
    app.command("teach")(teach.teach)
    app.command("review")(review.review)
    app.command("train-annotators")(train_annotators.train_annotators)
    app.command("finetune")(finetune.finetune)
    app.command("round")(rounds.round_)
    app.command("run")(rounds.run)
    app.command("serve")(serve.serve)
    app.command("status")(status.status)
    app.command("slices")(slices.slices)
    app.command("plan")(plan.plan)
    app.command("roi")(roi.roi)
    app.command("gate")(gate.gate)
    app.command("explain")(explain.explain)
    app.command("accept")(accept.accept)
    app.command("report")(report.report)
    app.command("simulate")(simulate.simulate)
    app.command("export")(export.export)
    app.command("predict")(predict.predict)
    app.command("watch")(watch.watch)
    app.command("update")(update.update)
    app.command("backup")(backup.backup)
    app.command("restore")(backup.restore)
    app.command("verify")(backup.verify)
    app.command("forget")(forget.forget)
    app.command("doctor")(doctor.doctor)
    app.command("demo")(demo.demo)
    app.add_typer(classes.app, name="classes")
    app.add_typer(machines.app, name="machines")
    app.add_typer(studio.app, name="studio")
