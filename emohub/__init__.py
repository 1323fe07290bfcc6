"""emohub: fine-tune small emotion and sentiment classifiers, publish them with honest model cards, and compare them.

Importing the package is cheap: it loads neither torch nor gradio. Import the module that does the job,
for example ``from emohub.inference import Classifier`` or ``from emohub.train import train``.
"""

__version__ = "0.1.0"
