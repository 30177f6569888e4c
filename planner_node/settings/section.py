"""What every block of the settings is made of."""

from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

Port = Annotated[int, Field(ge=0, le=65_535)]
Positive = Annotated[int, Field(ge=1)]


class Section(BaseModel):
    """One block of the file."""

    model_config = ConfigDict(extra="forbid", frozen=True)
