"""Put the page into its bucket when the stack is deployed, and take it out when it goes."""

from pathlib import Path

from aws_lambda_powertools import Logger
from aws_lambda_powertools.utilities.typing import LambdaContext

import avatars
from avatars.aws.stacks import StackEvent, answering
from avatars.logs import failures_told
from avatars.publishing import page_files, publish_page, with_sign_in
from avatars.wiring import page

logger = Logger()

PAGE = Path(avatars.__file__).parents[2] / "web"  # of PageLayer, beside python/ of CoreLayer


@logger.inject_lambda_context(clear_state=True)
@failures_told
def handler(event: StackEvent, context: LambdaContext) -> None:
    wanted = event["ResourceProperties"]
    store = page(wanted["Bucket"])
    with answering(event, physical_id=wanted["Bucket"]):
        if event["RequestType"] == "Delete":
            store.erase()
            logger.info("removed page")
        else:
            files = publish_page(store, page_files(PAGE), with_sign_in(wanted["Config"]))
            logger.info("published page", extra={"files": files})
