"""A function with a schedule is an ordinary one until it is deployed."""

import burrow as modal

app = modal.App("scheduled-and-called")


@app.function(schedule=modal.Cron("0 6 * * 1-5", timezone="Europe/Berlin"))
def morning_report(day: str = "today") -> str:
    return "report of " + day


@app.function(schedule=modal.Period(hours=4, minutes=30))
def refresh():
    print("refreshing")
    return 3


@app.local_entrypoint()
def main():
    print(morning_report.remote())
    print(morning_report.remote("monday"))
    print(refresh.remote())
    print(list(morning_report.map(["tuesday", "friday"])))
    try:
        modal.Cron("not a schedule")
    except Exception as error:
        print(type(error).__name__)


# prints:
# report of today
# report of monday
# 3
# ['report of tuesday', 'report of friday']
# InvalidError
# prints remotely:
# refreshing
